import { Flex, Input, Select } from 'antd';
import { useTranslation } from 'react-i18next';
import { useSearchParams } from 'react-router';
import { Page } from '../../parts/page.tsx';
import { type AuditFilter, AuditTable } from './AuditTable.tsx';

/** The audit trail of the project, with its filters in the address. */
export function Audit() {
  const { t } = useTranslation();
  const [search, setSearch] = useSearchParams();
  const filter = Object.fromEntries([...search].filter(([, value]) => value !== '')) as AuditFilter;
  const change = (name: string, value: string | undefined) => {
    const next = new URLSearchParams(search);
    if (value) next.set(name, value);
    else next.delete(name);
    setSearch(next, { replace: true });
  };
  return (
    <Page title={t('audit.title')}>
      <Flex gap="small" wrap>
        <Input.Search
          allowClear
          aria-label={t('audit.filterAction')}
          placeholder={t('audit.filterAction')}
          defaultValue={filter.action}
          style={{ width: 240 }}
          onSearch={(text) => change('action', text)}
        />
        <Input.Search
          allowClear
          aria-label={t('audit.filterThing')}
          placeholder={t('audit.filterThing')}
          defaultValue={filter.resource_id}
          style={{ width: 320 }}
          onSearch={(text) => change('resource_id', text)}
        />
        <Select
          allowClear
          aria-label={t('audit.outcome')}
          placeholder={t('audit.outcome')}
          value={filter.outcome ?? null}
          style={{ width: 140 }}
          options={(['success', 'denied'] as const).map((value) => ({ value, label: t(`audit.outcomes.${value}`) }))}
          onChange={(value) => change('outcome', value ?? undefined)}
        />
      </Flex>
      <AuditTable filter={filter} empty={t('audit.empty')} />
    </Page>
  );
}
