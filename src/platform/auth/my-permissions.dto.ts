import { ApiProperty } from '@nestjs/swagger';
import { EFFECTS, type Effect } from './policy.js';

export class DecidedByView {
  @ApiProperty({ description: 'Name of the policy, which is also the name of the role' }) policy: string;
  @ApiProperty({ type: 'integer', description: 'Position of the statement in the policy, from 0' }) statement: number;
  @ApiProperty({ enum: EFFECTS, description: 'What the statement does' }) effect: Effect;
}

export class PermissionView {
  @ApiProperty({ description: 'Action' }) action: string;
  @ApiProperty({ type: [String], description: 'All names of the action that a policy may use' }) spellings: readonly string[];
  @ApiProperty({ description: 'Whether the caller may call the routes that require this action' }) allowed: boolean;
  @ApiProperty({
    type: DecidedByView,
    nullable: true,
    description: 'The statement that decides on the action; null if no statement names the action, which denies it',
  })
  decided_by: DecidedByView | null;
  @ApiProperty({ type: [String], description: 'Actions that this action requires and that the caller does not have' }) missing: string[];
}

/** The caller's permissions in the scope of its token. */
export class MyPermissionsView {
  @ApiProperty({ description: 'User' }) user_id: string;
  @ApiProperty({ type: String, nullable: true, description: 'Project of the token; null if it has none' }) project_id: string | null;
  @ApiProperty({ type: [String], description: 'Roles of the caller in the scope of the token; each is the name of a policy' })
  roles: readonly string[];
  @ApiProperty({ type: [PermissionView], description: 'Every action of this service' }) permissions: PermissionView[];
}
