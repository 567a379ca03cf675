import type { AuditEvent } from './audit-event.entity.js';
import { type ExportFormat, toView } from './audit.dto.js';
import { toCadf } from './cadf.js';

/** One JSON object a line, whatever names hold: JSON escapes every control character. */
export async function* exportLines(events: AsyncIterable<AuditEvent>, format: ExportFormat): AsyncGenerator<string> {
  const view = format === 'cadf' ? toCadf : toView;
  for await (const event of events) yield `${JSON.stringify(view(event))}\n`;
}
