// Prints the Secrets that the pipeline reads, who makes each, and how to make those that are yours to make.
import { expectedSecrets, KeelsonApp } from 'keelson';
import { optionsFromEnvironment } from './options.ts';
import { studioGoRunner } from './pipeline.ts';
import { secretsText } from './secrets-text.ts';

const app = new KeelsonApp();
studioGoRunner(app, optionsFromEnvironment(process.env));
// What is wrong with the program is said, and nothing is written.
app.synthYaml();
process.stdout.write(secretsText(expectedSecrets(app)));
