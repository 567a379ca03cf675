import express from 'express';
import { type KeyMaterial, signatureOf } from 'signet-signing';
import { expressVerifier, keepRawBody } from 'signet-signing/express';

export function expressJsonBackend(keys: KeyMaterial[]) {
  const app = express();
  app.use(express.json({ verify: keepRawBody }));
  app.use(expressVerifier({ keys }));
  app.all('/{*path}', (req, res) => {
    res.json({ signature: signatureOf(req), order: (req.body as unknown) ?? null });
  });
  return app;
}
