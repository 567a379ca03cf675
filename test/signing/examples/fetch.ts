import { createVerifier, type KeyMaterial } from 'signet-signing';
import { verifyRequest } from 'signet-signing/fetch';

export function fetchBackend(keys: KeyMaterial[]) {
  const verifier = createVerifier({ keys });
  return async (request: Request): Promise<Response> => {
    const { ok, ...verdict } = await verifyRequest(request, verifier);
    if (!ok) return Response.json(verdict, { status: 401 });
    const order: unknown = request.body === null ? null : await request.json();
    return Response.json({ signature: { ok, ...verdict, body: undefined }, order });
  };
}
