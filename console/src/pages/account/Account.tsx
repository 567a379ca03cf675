import { useTranslation } from 'react-i18next';
import { Page } from '../../parts/page.tsx';
import { Sessions } from './Sessions.tsx';
import { Totp } from './Totp.tsx';

/** What concerns the person who is signed in. */
export function Account() {
  const { t } = useTranslation();
  return (
    <Page title={t('account.title')}>
      <Totp />
      <Sessions />
    </Page>
  );
}
