/** Options of a generated configuration. */
export interface GenOptions {
  /** The gateway (instance) whose keys sign; written in a comment. */
  instance: string;
  /** URLs of `/sign` of each `signet gateway`, at least one. */
  signers: readonly URL[];
  /** The backend. */
  upstream: URL;
  /** Address and port to listen on, or a port alone. */
  listen: string;
  /** HAProxy: folder of its map files and of signet.lua, as its configuration names them. */
  maps: string;
  /** HAProxy: its admin socket. */
  socket: string;
  /** HAProxy: treatment of a body that does not fit into its buffer. */
  largeBody: 'refuse' | 'unsigned-payload';
  /** File (PEM) of the authority of the backend's certificate; absent: the system's authorities. */
  upstreamCa?: string | undefined;
  /** HAProxy: the only environment that it serves; absent: `X-Stage` selects it. */
  environment?: string | undefined;
}

/** Headers of signatures. A client's own never pass, whatever type of key signs. */
export const HEADERS = ['Authorization', 'X-Sdk-Date', 'X-Sdk-Content-Sha256', 'Signature-Input', 'Signature', 'Content-Digest'] as const;

export const title = (gateway: string, { instance }: GenOptions) =>
  `# Signet: backend requests of gateway ${instance} are signed. Made by: signet gen ${gateway} --instance ${instance}`;

/** Headers with which gateways describe a request to `/sign`; clients must not be able to send them. */
export const QUESTION = [
  'X-Original-Uri',
  'X-Original-Method',
  'X-Original-Host',
  'X-Original-Content-Length',
  'X-Original-Transfer-Encoding',
] as const;

/** Names that CGI and similar interfaces normalise to ours: each dash replaced by `_`, in every combination. */
export const FOLDED: readonly string[] = [
  'X-Stage',
  'X-Sdk-Date',
  'X-Sdk-Content-Sha256',
  'Signature-Input',
  'Content-Digest',
  'X-Forwarded-For',
  'X-Forwarded-Host',
  'X-Forwarded-Proto',
].flatMap((name) => {
  const [first = '', ...rest] = name.split('-');
  const spelled = rest.reduce<string[]>((heads, part) => heads.flatMap((head) => [`${head}-${part}`, `${head}_${part}`]), [first]);
  return spelled.filter((each) => each !== name);
});

/** The single signer of a gateway that supports only one address. @throws Error with advice for the operator */
export function onlySigner(gateway: string, { signers: [signer, second] }: GenOptions): URL {
  if (!signer || second) throw new Error(`${gateway} supports only one address: give one --signer, for example that of a load balancer`);
  return signer;
}

/** Part of the names that are unique to this configuration, so that one gateway can load two of them. */
export const suffix = ({ listen }: GenOptions) => listen.replaceAll(/[^0-9A-Za-z]+/g, '_').replace(/^_/, '');

/** The host without the brackets that an IPv6 address has in a URL. */
export const bareHost = (host: string) => host.replace(/^\[|\]$/g, '');

/** The system's authorities on Debian and its derivatives. */
export const SYSTEM_CA = '/etc/ssl/certs/ca-certificates.crt';

/** `host:port` of a URL, the port always. */
export const authority = (url: URL) => `${url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}`;

export const listenAddress = (listen: string) => {
  const at = listen.lastIndexOf(':');
  return { host: at < 0 ? '' : listen.slice(0, at), port: listen.slice(at + 1) };
};
