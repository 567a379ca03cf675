import { Module } from '@nestjs/common';
import { ClockActs } from './clock-acts.js';
import { ProjectsService } from './projects.service.js';

@Module({ providers: [ClockActs, ProjectsService], exports: [ClockActs, ProjectsService] })
export class ProjectsModule {}
