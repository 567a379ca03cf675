import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useSession } from '../app/session.ts';
import { api } from './client.ts';

/**
 * Why the caller may not do something; undefined: the caller may, or it is not known yet, and the service decides.
 * @param action as docs/permissions.md spells it
 */
export function useDenied(): (action: string) => string | undefined {
  const session = useSession();
  const { t } = useTranslation();
  const { data } = useQuery({
    queryKey: ['permissions', session?.project.id],
    queryFn: async ({ signal }) => (await api.GET('/signet/v1/me/permissions', { signal })).data,
    staleTime: 60_000,
  });
  return (action) => {
    const found = data?.permissions.find((one) => one.action === action || one.spellings.includes(action));
    return found && !found.allowed ? t('common.notAllowed', { action }) : undefined;
  };
}
