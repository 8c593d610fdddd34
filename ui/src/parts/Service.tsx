import { Link } from 'react-router'
import { serviceName } from './format'
import { useLink } from './range'
import { useServiceColor } from './serviceColors'

export function Dot({ service }: { service: string }) {
  const colorOf = useServiceColor()
  return <span className="dot" style={{ background: colorOf(service) }} aria-hidden="true" />
}

export function ServiceLink({ service, operation }: { service: string; operation?: string | null }) {
  const link = useLink()
  return (
    <Link className="service" to={link('/service', { service, ...(operation ? { operation } : {}) })}>
      {!operation && <Dot service={service} />}
      {operation || serviceName(service)}
    </Link>
  )
}
