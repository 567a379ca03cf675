/**
 * Variables that Kubernetes (and Docker links) add to every container for services whose names begin with SIGNET. For `signet-gateway` they
 * are SIGNET_GATEWAY_SERVICE_HOST, SIGNET_GATEWAY_PORT=tcp://10.0.0.1:8710, SIGNET_GATEWAY_PORT_8710_TCP_ADDR and so on.
 */
const NAMES = /^SIGNET(_[A-Z0-9]+)*_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;
const PORT_NAME = /^SIGNET(_[A-Z0-9]+)*_PORT$/;
const PORT_VALUE = /^(tcp|udp|sctp):\/\//;

/** Returns the environment without injected variables, so that they neither prevent a start nor take effect. */
export function withoutInjected(env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(env).filter(([name, value]) => !NAMES.test(name) && !(PORT_NAME.test(name) && PORT_VALUE.test(value ?? ''))),
  );
}
