import { connect } from 'node:net';

/**
 * Sends bytes as they are and reads the first final answer. The status is 0 when the connection was closed without one.
 * @param bytes one character per byte
 */
export function exchangeBytes(port: number, bytes: string): Promise<{ status: number; head: string; text: string }> {
  return new Promise((resolve) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.from(bytes, 'latin1')));
    const settle = () => {
      socket.destroy();
      const end = received.indexOf('\r\n\r\n');
      const head = end < 0 ? received : received.slice(0, end);
      resolve({ status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1] ?? 0), head, text: end < 0 ? '' : received.slice(end + 4) });
    };
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1');
      while (/^HTTP\/1\.1 1(?!01)\d\d[^]*?\r\n\r\n/.test(received)) received = received.replace(/^[^]*?\r\n\r\n/, '');
      const end = received.indexOf('\r\n\r\n');
      const length = end < 0 ? undefined : /\r\ncontent-length: *(\d+)/i.exec(received.slice(0, end))?.[1];
      if (length !== undefined && received.length >= end + 4 + Number(length)) settle();
      else if (end >= 0 && /^HTTP\/1\.1 (101|204|304)/.test(received)) settle();
      else if (end >= 0 && /\r\ntransfer-encoding: *chunked/i.test(received.slice(0, end)) && received.endsWith('0\r\n\r\n')) settle();
    });
    socket.on('error', settle).on('close', settle);
  });
}
