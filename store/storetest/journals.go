package storetest

var journalTests []test
