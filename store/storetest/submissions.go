package storetest

var submissionTests []test
