import express from 'express';
import { type KeyMaterial, signatureOf } from 'signet-signing';
import { expressVerifier } from 'signet-signing/express';

export function expressBackend(keys: KeyMaterial[]) {
  const app = express();
  app.use(expressVerifier({ keys }));
  app.all('/{*path}', (req, res) => {
    const order: unknown = req.body ? JSON.parse(String(req.body)) : null;
    res.json({ signature: signatureOf(req), order });
  });
  return app;
}
