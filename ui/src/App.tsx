import { lazy, Suspense, useEffect, useRef } from 'react'
import {
  Link,
  Navigate,
  NavLink,
  Route,
  Routes,
  useLocation,
  useNavigate,
  useParams,
  useSearchParams,
} from 'react-router'
import { HealthPage } from './pages/health/HealthPage'
import { Help, useKeys } from './parts/Keys'
import { RangePicker } from './parts/RangePicker'
import { useLink } from './parts/range'
import { Boundary, Empty, Loading } from './parts/State'
import { useTheme } from './parts/theme'

// the first page is in the first file, so that it comes at once; others when they are opened
const ServicePage = lazy(() => import('./pages/service/ServicePage'))
const SearchPage = lazy(() => import('./pages/search/SearchPage'))
const TracePage = lazy(() => import('./pages/trace/TracePage'))
const ViewPage = lazy(() => import('./pages/trace/ViewPage'))
const ComparePage = lazy(() => import('./pages/compare/ComparePage'))
const DependenciesPage = lazy(() => import('./pages/dependencies/DependenciesPage'))
const SystemPage = lazy(() => import('./pages/system/SystemPage'))

const pages: [string, string, string][] = [
  ['/', 'Health', 'h'],
  ['/search', 'Search', 's'],
  ['/dependencies', 'Dependencies', 'd'],
  ['/system', 'System', 'y'],
]

export function App() {
  const { pathname } = useLocation()
  const main = useRef<HTMLElement>(null)
  const help = useRef<HTMLDialogElement>(null)
  const navigate = useNavigate()
  const link = useLink()
  useKeys({
    '?': () => help.current?.showModal(),
    '/': () => {
      const input = document.querySelector<HTMLElement>('[data-search]')
      if (input) input.focus()
      else void navigate(link('/search'))
    },
    ...Object.fromEntries(pages.map(([path, , key]) => [`g ${key}`, () => void navigate(link(path))])),
  })
  useEffect(() => {
    const name = pages.find(([path]) => path === pathname)?.[1] ?? pathname.slice(1).replace('/', ' ')
    document.title = `${name} · Tracing`
    main.current?.focus({ preventScroll: true })
  }, [pathname])

  return (
    <>
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <TopBar onHelp={() => help.current?.showModal()} />
      <main id="main" ref={main} tabIndex={-1}>
        <Boundary key={pathname}>
          <Suspense fallback={<Loading />}>
            <Routes>
              <Route path="/" element={<HealthPage />} />
              <Route path="/service" element={<ServicePage />} />
              <Route path="/search" element={<SearchPage />} />
              <Route path="/traces/:traceId" element={<TracePage />} />
              <Route path="/compare" element={<ComparePage />} />
              <Route path="/view" element={<ViewPage />} />
              <Route path="/dependencies" element={<DependenciesPage />} />
              <Route path="/system" element={<SystemPage />} />
              <Route path="/zipkin/traces/:traceId" element={<FromZipkin />} />
              <Route path="/zipkin/dependency" element={<Navigate to="/dependencies" replace />} />
              <Route path="/zipkin/traceViewer" element={<Navigate to="/view" replace />} />
              <Route path="/zipkin/*" element={<FromZipkinsSearch />} />
              <Route path="*" element={<Empty>There is no page at this address.</Empty>} />
            </Routes>
          </Suspense>
        </Boundary>
      </main>
      <Help ref={help} />
    </>
  )
}

function TopBar({ onHelp }: { onHelp: () => void }) {
  const link = useLink()
  const { theme, toggle } = useTheme()
  return (
    <header className="topbar">
      <Link to={link('/')} className="brand">
        <img src="/favicon.svg" alt="" width={20} height={20} /> Tracing
      </Link>
      <nav aria-label="Pages">
        {pages.map(([path, name]) => (
          <NavLink key={path} to={link(path)} end>
            {name}
          </NavLink>
        ))}
      </nav>
      <RangePicker />
      <button
        type="button"
        className="icon"
        onClick={toggle}
        aria-label={theme === 'dark' ? 'Light colours' : 'Dark colours'}
      >
        {theme === 'dark' ? '☀' : '☾'}
      </button>
      <button type="button" className="icon" onClick={onHelp} aria-label="Keyboard and help">
        ?
      </button>
    </header>
  )
}

function FromZipkin() {
  const { traceId } = useParams()
  return <Navigate to={`/traces/${traceId}`} replace />
}

/** Zipkin's search by service; of its other parameters most have no meaning here. */
function FromZipkinsSearch() {
  const [parameters] = useSearchParams()
  const service = parameters.get('serviceName')
  const query = service
    ? `/search?q=${encodeURIComponent(`{ resource.service.name = ${JSON.stringify(service)} }`)}`
    : '/'
  return <Navigate to={query} replace />
}
