// Gets webhooks and counts them: what both senders post to. GET / tells how many have come since the last DELETE, and in how long.
import { createServer } from 'node:http';

let count = 0;
let first = 0;
let last = 0;

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ count, seconds: (last - first) / 1000 }));
    return;
  }
  if (request.method === 'DELETE') {
    count = 0;
    response.end();
    return;
  }
  request.resume();
  request.on('end', () => {
    last = performance.now();
    if (count++ === 0) first = last;
    response.end();
  });
});
server.keepAliveTimeout = 60_000;

process.on('SIGTERM', () => process.exit(0));
server.listen(Number(process.env['RECEIVER_PORT']), '127.0.0.1');
