import { verifyWebhook } from 'signet-signing';

export function receive(request: { headers: Record<string, string>; body: Uint8Array }, secrets: string[]) {
  return verifyWebhook(request, { dialect: 'standard', secrets, toleranceSeconds: 300 });
}
