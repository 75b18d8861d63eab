package storetest

var answerTests []test
