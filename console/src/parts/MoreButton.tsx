import { Button } from 'antd';
import { useTranslation } from 'react-i18next';

/** Loads the next page of a list that grows downwards. Absent at the end of the list. */
export function MoreButton({
  list,
}: {
  list: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => Promise<unknown> };
}) {
  const { t } = useTranslation();
  if (!list.hasNextPage) return null;
  return (
    <Button loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
      {t('common.more')}
    </Button>
  );
}
