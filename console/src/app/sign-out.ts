import { isNotFound } from 'signet-client';
import { api } from '../api/client.ts';
import { session } from './session.ts';

/**
 * Revokes every token of this sign-in, or only its own one when it began with a pasted token, and forgets it. A service that cannot be reached
 * does not keep anybody signed in here.
 */
export async function signOut(): Promise<void> {
  const current = session.get();
  if (!current) return;
  const revoke = () => api.DELETE('/v3/auth/tokens', { params: { header: { 'X-Subject-Token': current.token } } });
  try {
    if (current.pasted) await revoke();
    else
      await api.DELETE('/signet/v1/me/sessions/{session_id}', { params: { path: { session_id: 'current' } } }).catch((error: unknown) => {
        // A login that could not be recorded, or another identity service.
        if (isNotFound(error)) return revoke();
        throw error;
      });
  } catch {
    // The token ends by itself.
  }
  session.set(undefined);
}
