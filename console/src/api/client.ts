import { createSignetClient, SignetError, token } from 'signet-client';
import { session } from '../app/session.ts';

const noToken = () => new SignetError({ status: 401, code: 'client.signed_out', message: 'nobody is signed in', operation: 'console' });

/** The service as the person who is signed in. A token that no longer holds ends the session. */
export const api = createSignetClient({
  baseUrl: location.origin,
  credentials: token(() => {
    const current = session.get();
    if (!current) throw noToken();
    return current.token;
  }),
  onUnauthorized: () => session.set(undefined),
});

/** The service before anybody is signed in: for the login itself. */
export const anonymous = createSignetClient({ baseUrl: location.origin });
export const withToken = (value: string) => createSignetClient({ baseUrl: location.origin, credentials: token(value) });
