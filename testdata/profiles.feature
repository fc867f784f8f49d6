Feature: Profiles and labs

  @smoke
  Scenario: quick
    Given nothing happens

  Scenario: usual
    Given nothing happens

  @full
  Scenario: long
    Given nothing happens

  @own-lab
  Scenario: alone
    Given nothing happens

  @own-lab
  Scenario: alone as well
    Given nothing happens
