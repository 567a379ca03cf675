import { verifyWebhook } from '../../../src/lib/signing/index.js';

export function receive(request: { headers: Record<string, string>; body: Uint8Array }, secrets: string[]) {
  return verifyWebhook(request, { dialect: 'standard', secrets, toleranceSeconds: 300 });
}
