import { useTranslation } from 'react-i18next';
import { useParams, useSearchParams } from 'react-router';
import { usePlace } from '../../api/place.ts';
import { Page } from '../../parts/page.tsx';
import { Receipt } from './Receipt.tsx';

/** A receipt under an address of its own, to be sent to whoever wants the proof. */
export function ReceiptPage() {
  const { t } = useTranslation();
  const { instance_id } = usePlace();
  const { revision = '' } = useParams();
  const [search] = useSearchParams();
  const deletion = search.has('deleted');
  return (
    <Page title={t(deletion ? 'receipt.title' : 'receipt.titleOther')}>
      <Receipt instance_id={instance_id} revision={revision} epoch={search.get('epoch') ?? undefined} deletion={deletion} />
    </Page>
  );
}
