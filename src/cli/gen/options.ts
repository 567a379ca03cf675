/** What a generated configuration needs to know. */
export interface GenOptions {
  /** The gateway (instance) whose keys sign; stands in a comment. */
  instance: string;
  /** Where `/sign` of a `signet gateway` listens. */
  signer: URL;
  /** The backend. */
  upstream: URL;
  /** Address and port to listen on, or a port alone. */
  listen: string;
  /** HAProxy: folder of its map files and of signet.lua, as its configuration names them. */
  maps: string;
  /** HAProxy: its admin socket. */
  socket: string;
  /** HAProxy: what happens to a body that does not fit into its buffer. */
  largeBody: 'refuse' | 'unsigned-payload';
}

export const HEADERS = ['Authorization', 'X-Sdk-Date', 'X-Sdk-Content-Sha256'] as const;

export const title = (gateway: string, { instance }: GenOptions) =>
  `# Signet: backend requests of gateway ${instance} are signed. Made by: signet gen ${gateway} --instance ${instance}`;

/** `host:port` of a URL, the port always. */
export const authority = (url: URL) => `${url.hostname}:${url.port || (url.protocol === 'https:' ? 443 : 80)}`;

export const listenAddress = (listen: string) => {
  const at = listen.lastIndexOf(':');
  return { host: at < 0 ? '' : listen.slice(0, at), port: listen.slice(at + 1) };
};
