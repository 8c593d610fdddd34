import { lazy, useEffect, useRef } from 'react'
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
import { ComparePage } from './pages/compare/ComparePage'
import { DependenciesPage } from './pages/dependencies/DependenciesPage'
import { HealthPage } from './pages/health/HealthPage'
import { SearchPage } from './pages/search/SearchPage'
import { SystemPage } from './pages/system/SystemPage'
import { rememberPasted } from './pages/trace/pasted'
import { TracePage } from './pages/trace/TracePage'
import { ViewPage } from './pages/trace/ViewPage'
import { Away } from './parts/Away'
import { Heading } from './parts/Heading'
import { Help, useKeys } from './parts/Keys'
import { RangePicker } from './parts/RangePicker'
import { useLink } from './parts/range'
import { Boundary } from './parts/State'
import { useTheme } from './parts/theme'
import { useZone } from './parts/zone'

// All pages are in one file, as they are small and files that lead to one another are slow; but for what draws charts.
// While that comes the page before stays: React shows what replaces a placeholder no sooner than 0.3 s after it.
const ServicePage = lazy(() => import('./pages/service/ServicePage'))

const pages: [string, string, string][] = [
  ['/', 'Health', 'h'],
  ['/search', 'Search', 's'],
  ['/dependencies', 'Dependencies', 'd'],
  ['/system', 'System', 'y'],
]

/** The state of an address that was opened to write a query. */
const toQuery = 'query'

export function App() {
  const { pathname, state } = useLocation()
  const main = useRef<HTMLElement>(null)
  const help = useRef<HTMLDialogElement>(null)
  const navigate = useNavigate()
  const link = useLink()
  useKeys({
    '?': () => help.current?.showModal(),
    '/': () => {
      const input = document.querySelector<HTMLElement>('[data-search]')
      if (input) input.focus()
      else void navigate(link('/search'), { state: toQuery })
    },
    ...Object.fromEntries(pages.map(([path, , key]) => [`g ${key}`, () => void navigate(link(path))])),
  })
  useEffect(() => {
    const query = state === toQuery ? document.querySelector<HTMLElement>('[data-search]') : null
    const target = query ?? main.current
    target?.focus({ preventScroll: true })
  }, [pathname, state])
  useDrop()
  // all pages write times
  useZone()

  return (
    <>
      <a className="skip" href="#main">
        Skip to the page
      </a>
      <TopBar onHelp={() => help.current?.showModal()} />
      <Away />
      <main id="main" ref={main} tabIndex={-1}>
        <Boundary key={pathname}>
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
            <Route path="*" element={<NoPage />} />
          </Routes>
        </Boundary>
      </main>
      <Help ref={help} />
    </>
  )
}

/** The server answers the same with 404. */
function NoPage() {
  const { pathname } = useLocation()
  const link = useLink()
  return (
    <div className="page">
      <div className="state">
        <Heading title="There is no page at this address" />
        <p className="mono">{pathname}</p>
        <p>
          Go to <Link to={link('/')}>Health</Link> or <Link to={link('/search')}>Search</Link>
        </p>
      </div>
    </div>
  )
}

/** A file that is dropped anywhere is shown as a trace; a browser would leave the page for it. */
function useDrop() {
  const navigate = useNavigate()
  useEffect(() => {
    const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes('Files') === true
    const over = (event: DragEvent) => hasFiles(event) && event.preventDefault()
    const drop = (event: DragEvent) => {
      if (!hasFiles(event)) return
      event.preventDefault()
      void event.dataTransfer?.files[0]?.text().then(text => {
        rememberPasted(text)
        void navigate('/view')
      })
    }
    document.addEventListener('dragover', over)
    document.addEventListener('drop', drop)
    return () => {
      document.removeEventListener('dragover', over)
      document.removeEventListener('drop', drop)
    }
  }, [navigate])
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
