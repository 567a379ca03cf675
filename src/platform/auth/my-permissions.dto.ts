import { ApiProperty } from '@nestjs/swagger';
import { EFFECTS, type Effect } from './policy.js';

export class DecidedByView {
  @ApiProperty({ description: 'Policy, which is also the role of that name' }) policy: string;
  @ApiProperty({ type: 'integer', description: 'Position of the statement in the policy, from 0' }) statement: number;
  @ApiProperty({ enum: EFFECTS, description: 'What the statement does' }) effect: Effect;
}

export class PermissionView {
  @ApiProperty({ description: 'Action' }) action: string;
  @ApiProperty({ type: [String], description: 'Every name that a policy can give it' }) spellings: readonly string[];
  @ApiProperty({ description: 'Whether routes that need the action let the caller in' }) allowed: boolean;
  @ApiProperty({
    type: DecidedByView,
    nullable: true,
    description: 'The statement that decides about the action itself; null if no statement names the action, which is then denied',
  })
  decided_by: DecidedByView | null;
  @ApiProperty({ type: [String], description: 'Actions that it depends on and that are not held' }) missing: string[];
}

/** The caller's permissions in the scope of its token. */
export class MyPermissionsView {
  @ApiProperty({ description: 'User' }) user_id: string;
  @ApiProperty({ type: String, nullable: true, description: 'Project of the token; null if it has none' }) project_id: string | null;
  @ApiProperty({ type: [String], description: 'Roles held in the scope of the token, each a policy of that name' })
  roles: readonly string[];
  @ApiProperty({ type: [PermissionView], description: 'Every action of this service' }) permissions: PermissionView[];
}
