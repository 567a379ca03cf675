// Gateway nodes in one process, for `npm run bench:distribution`: NODES of them, ready when all are.
import { createServer } from 'node:http';
import { readGatewayConfig } from '../../dist/platform/config/gateway-config.js';
import { startGateway } from '../../dist/gateway/gateway.js';

const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith('SIGNET_')));
const one = (i: number) => ({
  ...env,
  SIGNET_NODE_ID: `node-${i}`,
  SIGNET_GATEWAY_LISTEN: 'sign=0',
  SIGNET_TIMEOUTS: 'drain=0,shutdown=100ms',
});
const nodes = await Promise.all(Array.from({ length: Number(process.env['NODES']) }, (_, i) => startGateway(readGatewayConfig(one(i)))));
const ready = createServer((_, response) => {
  response.writeHead(nodes.every(({ unready }) => unready === undefined) ? 200 : 503).end();
}).listen(Number(process.env['READY_PORT']), '127.0.0.1');
process.once('SIGTERM', () => {
  ready.close();
  ready.closeAllConnections();
  void Promise.all(nodes.map((node) => node.close())).then(() => process.exit(0));
});
