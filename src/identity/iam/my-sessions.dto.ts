import { ApiProperty } from '@nestjs/swagger';
import { toMicroseconds } from '../../platform/common/clock.js';
import { Cursor, Limit } from '../../platform/common/cursor.js';
import type { RowOf } from '../../platform/database/columns.js';
import { columnsOf } from '../../platform/database/columns.js';
import { LoginSession } from './login-session.entity.js';

/** Columns of the view. */
export const LISTED = columnsOf(LoginSession, 's').except('userId', 'tokens');
type SessionRow = RowOf<typeof LISTED>;

/** Query of the list: newest first, in pages. */
export class SessionQuery {
  @Limit(200, 50)
  limit: number = 50;

  @Cursor()
  cursor?: string;
}

export class LoginSessionView {
  @ApiProperty() id: string;
  @ApiProperty({ format: 'date-time', description: 'When the user logged in' }) created_at: string;
  @ApiProperty({ type: String, format: 'date-time', nullable: true, description: 'Last use of one of its tokens, to the minute' })
  last_used_at: string | null;
  @ApiProperty({ format: 'date-time', description: 'When its tokens expire' }) expires_at: string;
  @ApiProperty({ type: [String], description: 'How the user was authenticated; `local`: on the machine of the service' }) methods: string[];
  @ApiProperty({ description: 'Address of the login; empty for a local one' }) source_address: string;
  @ApiProperty({ description: 'User-Agent of the login' }) user_agent: string;
  @ApiProperty({ description: 'Whether the token of this request belongs to it' }) current: boolean;
}

export class LoginSessionPageView {
  @ApiProperty({ type: [LoginSessionView] }) sessions: LoginSessionView[];
  @ApiProperty({ type: String, nullable: true, description: 'For the next page; null at the end' }) next_cursor: string | null;
}

/** @param current the session of the request */
export const toView = (row: SessionRow, current: string | undefined): LoginSessionView => ({
  id: row.id,
  created_at: toMicroseconds(row.createdAt),
  last_used_at: row.lastUsedAt === null ? null : toMicroseconds(row.lastUsedAt),
  expires_at: toMicroseconds(row.expiresAt),
  methods: row.methods.split(','),
  source_address: row.sourceAddress,
  user_agent: row.userAgent,
  current: row.id === current,
});
