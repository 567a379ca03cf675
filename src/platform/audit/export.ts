import type { AuditEvent } from './audit-event.entity.js';
import { type ExportFormat, toView } from './audit.dto.js';
import { toCadf } from './cadf.js';

/** Formats an event as one line of JSON. JSON escapes the line breaks in values. */
export const lineOf = (format: ExportFormat): ((event: AuditEvent) => string) => {
  const view = format === 'cadf' ? toCadf : toView;
  return (event) => `${JSON.stringify(view(event))}\n`;
};
