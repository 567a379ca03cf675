import express from 'express';
import { expressVerifier, type KeyMaterial, signatureOf } from '../../../src/lib/signing/index.js';

export function expressBackend(keys: KeyMaterial[]) {
  const app = express();
  app.use(expressVerifier({ keys }));
  app.all('/{*path}', (req, res) => {
    const order: unknown = req.body ? JSON.parse(String(req.body)) : null;
    res.json({ signature: signatureOf(req), order });
  });
  return app;
}
