import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api } from '../../api/client.ts';
import { usePlace } from '../../api/place.ts';
import { useNodes } from '../../api/processes.ts';

/** The embedded gateway's proxy, in the local mode; empty elsewhere. */
const PROXY = document.querySelector<HTMLMetaElement>('meta[name="embedded-gateway"]')?.content ?? '';
/** Requests without X-Stage are for this environment. */
const RELEASE = 'DEFAULT_ENVIRONMENT_RELEASE_ID';
const EMBEDDED_NODE = 'embedded';

/** Opens the API through the embedded gateway, in a tab of its own: the backend's answer names the key that signed. */
export function TryLink({ apiId, envId }: { apiId: string; envId: string }) {
  const { t } = useTranslation();
  const place = usePlace();
  const enabled = PROXY !== '' && envId === RELEASE;
  const { data: nodes } = useNodes(place.instance_id, enabled);
  const { data: found } = useQuery({
    queryKey: ['apis', place.instance_id, 'one', apiId],
    queryFn: async ({ signal }) =>
      (
        await api.GET('/v2/{project_id}/apigw/instances/{instance_id}/apis/{api_id}', {
          signal,
          params: { path: { ...place, api_id: apiId } },
        })
      ).data,
    enabled,
  });
  // A link can only send GET.
  if (!nodes?.sessions.some(({ node_id }) => node_id === EMBEDDED_NODE) || !found || !['GET', 'ANY'].includes(found.req_method))
    return null;
  return (
    <a href={PROXY + found.req_uri} target="_blank" rel="noreferrer">
      {t('key.tryIt')}
    </a>
  );
}
