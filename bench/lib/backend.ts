// The backend behind every gateway of `npm run bench:gateway`: reads the request to its end and answers two bytes,
// the first two of the Authorization it was sent.
import { createServer } from 'node:http';

createServer((request, response) => {
  request.resume().once('end', () => {
    response
      .writeHead(200, { 'content-length': '2', 'content-type': 'text/plain' })
      .end(request.headers.authorization?.slice(0, 2) ?? '--');
  });
}).listen(Number(process.env['BACKEND_PORT']), '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
