import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { BrowserRouter } from 'react-router'
import { App } from './App'
import { ApiError } from './api/get'
import { NowProvider } from './parts/range'
import { ServiceColors } from './parts/serviceColors'
import { ThemeProvider } from './parts/theme'
import { ZoneProvider } from './parts/zone'
import './styles/base.css'
import './styles/parts.css'
import './styles/pages.css'
import './styles/graph.css'
import './styles/search.css'
import './styles/trace.css'

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      refetchOnWindowFocus: false,
      // a machine without a network may well reach a server; whether it does is seen by asking
      networkMode: 'always',
      // live, there are other answers every few seconds
      gcTime: 60_000,
      // what the server has refused, it will refuse again
      retry: (failures, error) => failures < 2 && !(error instanceof ApiError && error.status >= 400),
    },
  },
})

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <ThemeProvider>
      <ZoneProvider>
        <QueryClientProvider client={client}>
          <BrowserRouter>
            <NowProvider>
              <ServiceColors>
                <App />
              </ServiceColors>
            </NowProvider>
          </BrowserRouter>
        </QueryClientProvider>
      </ZoneProvider>
    </ThemeProvider>
  </StrictMode>,
)
