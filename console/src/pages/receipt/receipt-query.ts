import { useQuery } from '@tanstack/react-query';
import type { Schema } from 'signet-client';
import { api } from '../../api/client.ts';

export type ReceiptView = Schema<'ReceiptView'>;
const REFRESH_MS = 300;

/** The receipt of a write, read anew until it is complete. @param epoch of `Signet-Receipt`, which tells a restored database apart */
export function useReceipt(instance_id: string, revision: string, epoch: string | undefined) {
  return useQuery({
    queryKey: ['receipt', instance_id, revision, epoch],
    queryFn: async ({ signal }): Promise<ReceiptView> =>
      (
        await api.GET('/signet/v1/instances/{instance_id}/receipts/{revision}', {
          signal,
          params: { path: { instance_id, revision: revision }, ...(epoch !== undefined && { query: { epoch } }) },
        })
      ).data,
    refetchInterval: ({ state }) => (state.data?.complete || state.status === 'error' ? false : REFRESH_MS),
  });
}
