import 'cdk8s-plus-27';
