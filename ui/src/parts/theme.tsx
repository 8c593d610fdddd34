import { createContext, type ReactNode, useContext, useEffect, useState } from 'react'

export type Theme = 'light' | 'dark'

const key = 'tracing.theme'
const ThemeContext = createContext<{ theme: Theme; toggle: () => void }>({ theme: 'light', toggle: () => {} })

function initial(): Theme {
  const saved = localStorage.getItem(key)
  if (saved === 'light' || saved === 'dark') return saved
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
}

export function ThemeProvider({ children }: { children: ReactNode }) {
  const [theme, setTheme] = useState(initial)
  // before the children draw: canvases read their colours from the style sheet
  document.documentElement.dataset.theme = theme
  useEffect(() => localStorage.setItem(key, theme), [theme])
  return (
    <ThemeContext value={{ theme, toggle: () => setTheme(theme === 'dark' ? 'light' : 'dark') }}>
      {children}
    </ThemeContext>
  )
}

export const useTheme = () => useContext(ThemeContext)
