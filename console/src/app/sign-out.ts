import { api } from '../api/client.ts';
import { session } from './session.ts';

/** Revokes the token and forgets it. A service that cannot be reached does not keep anybody signed in here. */
export async function signOut(): Promise<void> {
  const current = session.get();
  if (!current) return;
  try {
    await api.DELETE('/v3/auth/tokens', { params: { header: { 'X-Subject-Token': current.token } } });
  } catch {
    // The token ends by itself.
  }
  session.set(undefined);
}
