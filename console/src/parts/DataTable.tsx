import { Table, type TableProps } from 'antd';
import { useEffect, useRef } from 'react';

type Reference = NonNullable<React.ComponentRef<typeof Table>>;

/** A table whose content scrolls by itself where it is wider than the page, also by the keyboard. */
export function DataTable<Row extends object>(props: TableProps<Row>) {
  const table = useRef<Reference>(null);
  useEffect(() => {
    table.current?.nativeElement.querySelector('.ant-table-content')?.setAttribute('tabindex', '0');
  });
  return <Table<Row> ref={table} scroll={{ x: 'max-content' }} {...props} />;
}

/** Rows on one page of a list that the service pages. */
export const PAGE_SIZE = 20;

/** The pagination of a table whose rows are one page from the service. @param page from 1 */
export const paged = (page: number, total: number | undefined, onChange: (page: number) => void): TableProps['pagination'] => ({
  current: page,
  pageSize: PAGE_SIZE,
  total: total ?? 0,
  hideOnSinglePage: true,
  showSizeChanger: false,
  onChange,
});
