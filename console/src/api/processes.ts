import { useQuery } from '@tanstack/react-query';
import { api } from './client.ts';

const REFRESH_MS = 5000;

/** The processes that sign for a gateway, read again while a page shows them. */
export const useNodes = (instance_id: string, enabled = true) =>
  useQuery({
    queryKey: ['sessions', instance_id],
    queryFn: async ({ signal }) =>
      (await api.GET('/signet/v1/instances/{instance_id}/sessions', { signal, params: { path: { instance_id } } })).data,
    refetchInterval: REFRESH_MS,
    enabled,
  });

/** The processes that verify requests of a gateway, read again while a page shows them. */
export const useVerifiers = (instance_id: string) =>
  useQuery({
    queryKey: ['verifiers', instance_id],
    queryFn: async ({ signal }) =>
      (await api.GET('/signet/v1/instances/{instance_id}/verifiers', { signal, params: { path: { instance_id } } })).data,
    refetchInterval: REFRESH_MS,
  });
