import { MinioRabbitTestStack, MinioService, RabbitService } from 'keelson';
import { fields, one, plain, type Values } from '../value.ts';
import {
  as,
  dnsLabel,
  freshName,
  image,
  type Recipes,
  resources,
  secret,
  storage,
  storageClassName,
} from './recipe.ts';

const service: Readonly<Record<string, Values>> = {
  name: freshName,
  serviceName: freshName,
  image,
  storage,
  storageClassName,
  resources,
  clients: one<unknown>([], [{ podSelector: {} }], [{ ipBlock: { cidr: '10.0.0.0/8' } }]),
  credentials: fields({ user: secret, password: secret }, ['user', 'password']),
};

export const recipes: Recipes = {
  MinioService: {
    props: { ...service, namespace: plain(dnsLabel) },
    required: ['name'],
    make: (world, id, props) => new MinioService(world.pipeline, id, as(props)),
  },
  RabbitService: {
    props: { ...service, namespace: plain(dnsLabel) },
    required: ['name'],
    make: (world, id, props) => new RabbitService(world.pipeline, id, as(props)),
  },
  MinioRabbitTestStack: {
    props: {
      namespace: plain(dnsLabel),
      minio: fields(service, ['name']),
      rabbit: fields(service, ['name']),
    },
    required: ['minio', 'rabbit'],
    make: (world, id, props) => new MinioRabbitTestStack(world.pipeline, id, as(props)),
  },
};
