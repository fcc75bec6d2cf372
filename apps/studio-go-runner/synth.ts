import { KeelsonApp } from 'keelson';
import { optionsFromEnvironment } from './options.ts';
import { studioGoRunner } from './pipeline.ts';
import { summary } from './summary.ts';

const app = new KeelsonApp();
studioGoRunner(app, optionsFromEnvironment(process.env));
process.stdout.write(summary(app.synth()));
