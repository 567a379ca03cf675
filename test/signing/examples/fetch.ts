import { createVerifier, type KeyMaterial, verifyRequest } from '../../../src/lib/signing/index.js';

export function fetchBackend(keys: KeyMaterial[]) {
  const verifier = createVerifier({ keys });
  return async (request: Request): Promise<Response> => {
    const { ok, ...verdict } = await verifyRequest(request, verifier);
    if (!ok) return Response.json(verdict, { status: 401 });
    const order: unknown = request.body === null ? null : await request.json();
    return Response.json({ signature: { ok, ...verdict, body: undefined }, order });
  };
}
