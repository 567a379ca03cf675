import { Body, Controller, Delete, Get, Param, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Allow } from '../../platform/common/access.decorators.js';
import { Answers } from '../../platform/common/answers.js';
import { ApiFault } from '../../platform/common/api-error.js';
import { type Caller, CallerOf } from '../../platform/common/principal.js';
import { InCallersInstance, type InstanceScope } from '../../platform/common/scope.js';
import type { Committed } from '../../platform/common/committed.js';
import { RECEIPT_HEADERS, WithReceipt } from '../../platform/receipts/with-receipt.js';
import { SessionListView } from './sessions.dto.js';
import { SessionsService } from './sessions.service.js';
import { SettingsInput, SettingsView } from './settings.dto.js';
import { SettingsService } from './settings.service.js';

/** Lists the sessions of a gateway, lets operators vouch for them, and changes the settings of the gateway. */
@ApiTags('Nodes and receipts')
@Controller('/signet/v1/instances/:instance_id')
export class SessionsController {
  constructor(
    private readonly sessions: SessionsService,
    private readonly settings: SettingsService,
  ) {}

  @Get('sessions')
  @Allow('signet:nodes:list')
  @Answers(200, SessionListView, 'ListSessions', 'List the processes that sign for a gateway')
  list(@InCallersInstance() scope: InstanceScope): Promise<SessionListView> {
    return this.sessions.list(scope);
  }

  @Delete('sessions/:session_id')
  @Allow('signet:nodes:delete')
  @Answers(204, undefined, 'VouchForSession', 'Vouch that a process does not sign any more', [new ApiFault('not_found')])
  vouch(@InCallersInstance() scope: InstanceScope, @Param('session_id') sessionId: string, @CallerOf() caller: Caller): Promise<void> {
    return this.sessions.vouch(scope, sessionId, caller);
  }

  @Get('settings')
  @Allow('signet:settings:get')
  @Answers(200, SettingsView, 'ShowInstanceSettings', 'Show the settings of a gateway')
  show(@InCallersInstance() scope: InstanceScope): Promise<SettingsView> {
    return this.settings.get(scope);
  }

  @Put('settings')
  @Allow('signet:settings:update')
  @Answers(
    200,
    SettingsView,
    'UpdateInstanceSettings',
    'Change the settings of a gateway: the lease of its nodes, the masking of secrets, and the handling of encoded slashes and open connections',
    [],
    RECEIPT_HEADERS,
  )
  @WithReceipt()
  update(
    @InCallersInstance() scope: InstanceScope,
    @Body() input: SettingsInput,
    @CallerOf() caller: Caller,
  ): Promise<Committed<SettingsView>> {
    return this.settings.update(scope, input, caller);
  }
}
