import { Column, Entity, ForeignKey, Index, PrimaryColumn } from 'typeorm';
import { User } from './user.entity.js';

/**
 * A login session of a user: the token that the login gave, and the tokens that were exchanged for it. The row is deleted after the session
 * has ended.
 */
@Entity({ name: 'login_sessions' })
@Index('ix_login_sessions_user', ['userId', 'id'])
@Index('ix_login_sessions_expires', ['expiresAt'])
export class LoginSession {
  /** Ids increase, so the newest sessions have the highest. */
  @PrimaryColumn({ type: 'varchar', length: 32 })
  id: string;

  @ForeignKey(() => User, { name: 'fk_login_sessions_user', onDelete: 'CASCADE', onUpdate: 'NO ACTION' })
  @Column({ name: 'user_id', type: 'varchar', length: 64 })
  userId: string;

  /** How the user was authenticated: methods, separated by commas. */
  @Column({ type: 'varchar', length: 64 })
  methods: string;

  @Column({ name: 'source_address', type: 'varchar', length: 64 })
  sourceAddress: string;

  @Column({ name: 'user_agent', type: 'varchar', length: 255 })
  userAgent: string;

  /** Number of the session's tokens that are not revoked. */
  @Column({ type: 'int' })
  tokens: number;

  @Column({ name: 'created_at', type: 'bigint' })
  createdAt: number;

  /** Accurate to a minute. Null until the first use. */
  @Column({ name: 'last_used_at', type: 'bigint', nullable: true })
  lastUsedAt: number | null;

  @Column({ name: 'expires_at', type: 'bigint' })
  expiresAt: number;
}
