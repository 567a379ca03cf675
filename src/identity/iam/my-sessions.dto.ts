import { ApiProperty } from '@nestjs/swagger';
import { toMicroseconds } from '../../platform/common/clock.js';
import { Cursor, Limit } from '../../platform/common/cursor.js';
import { columnsOf, type RowOf } from '../../platform/database/columns.js';
import { LoginSession } from './login-session.entity.js';

/** The columns that the view shows. */
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
  @ApiProperty({
    type: String,
    format: 'date-time',
    nullable: true,
    description: 'When a token of the session was last used, accurate to a minute',
  })
  last_used_at: string | null;
  @ApiProperty({ format: 'date-time', description: 'When the tokens of the session expire' }) expires_at: string;
  @ApiProperty({ type: [String], description: 'How the user was authenticated; `local` means by a command on the machine of the service' })
  methods: string[];
  @ApiProperty({ description: 'IP address of the login; empty for a local login' }) source_address: string;
  @ApiProperty({ description: 'User-Agent of the login' }) user_agent: string;
  @ApiProperty({ description: 'Whether the token of this request belongs to the session' }) current: boolean;
}

export class LoginSessionPageView {
  @ApiProperty({ type: [LoginSessionView] }) sessions: LoginSessionView[];
  @ApiProperty({ type: String, nullable: true, description: 'The `cursor` of the next page; null on the last page' }) next_cursor:
    | string
    | null;
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
