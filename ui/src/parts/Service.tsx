import { Link } from 'react-router'
import { serviceColor } from './colors'
import { serviceName } from './format'
import { useLink } from './range'

export function Dot({ service }: { service: string }) {
  return <span className="dot" style={{ background: serviceColor(service) }} aria-hidden="true" />
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
