import type { SystemAnswer } from '../../api/types'
import { Loading } from '../../parts/State'
import { useApi } from '../../parts/useApi'

/** Where spans can be sent to this very server, by the ports that it listens at. */
export function NoSpans() {
  const system = useApi<SystemAnswer>('system')
  return (
    <div>
      <p>
        <strong>No spans in this time.</strong>
      </p>
      {system.data ? <Doors ports={system.data.ports} /> : !system.error && <Loading what="Asking where to send" />}
      <p>Or choose a longer time at the top.</p>
    </div>
  )
}

function Doors({ ports }: { ports: SystemAnswer['ports'] }) {
  const at = (protocol: string) =>
    ports.filter(each => each.protocols.includes(protocol)).map(each => `http://${location.hostname}:${each.port}`)
  // a port for one protocol alone is named before the main one, which may be closed to applications
  const [http, grpc, zipkin] = [at('otlp/http').at(-1), at('otlp/grpc').at(-1), at('zipkin/http').at(0)]
  if (!http && !grpc && !zipkin)
    return <p>This server takes no spans itself; those of its collectors are shown here.</p>
  return (
    <>
      {(http || grpc) && (
        <p>
          From a service that uses OpenTelemetry: set <code>OTEL_EXPORTER_OTLP_ENDPOINT</code> to{' '}
          {http && (
            <>
              <code>{http}</code> (<code>http/protobuf</code>)
            </>
          )}
          {http && grpc && ' or '}
          {grpc && (
            <>
              <code>{grpc}</code> (<code>grpc</code>)
            </>
          )}
          .
        </p>
      )}
      {zipkin && (
        <p>
          From a Zipkin reporter: send to <code>{zipkin}/api/v2/spans</code>.
        </p>
      )}
    </>
  )
}
