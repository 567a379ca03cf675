// The floor of notifying many watchers: one buffer written to every socket on request.
import { createServer, type Socket } from 'node:net';

const watchers = new Set<Socket>();
const server = createServer((socket) => {
  socket.setNoDelay(true).on('error', () => undefined);
  socket.once('data', (request: Buffer) => {
    const [, path = '/'] = request.toString('latin1').split(' ', 2);
    if (path === '/watch') {
      watchers.add(socket.on('close', () => watchers.delete(socket)));
      socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n');
      return;
    }
    const revision = /^\/tell\/(\d+)$/.exec(path)?.[1];
    if (revision !== undefined) {
      const pointer = { kind: 'sign', id: '0123456789abcdef0123456789abcdef', op: 'deleted' };
      const data = JSON.stringify({ revision: Number(revision), changes: [pointer] });
      const bytes = Buffer.from(`id: ${revision}\nevent: change\ndata: ${data}\n\n`);
      for (const watcher of watchers) watcher.write(bytes);
    }
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
  });
});
server.listen(Number(process.env['FLOOR_PORT']), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
