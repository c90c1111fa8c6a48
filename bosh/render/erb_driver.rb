# Renders ERB templates for the director: one JSON request a line on standard input, one JSON reply a line on standard output.
#
#   {"id":1, "load":"KEY", "job":"router", "templates":[["ctl.erb","text"], ["blob.erb","b64…",true]]}
#   {"id":2, "render":"KEY", "limit_s":30, "dns":{"azs":{}, "networks":{}, "groups":[[type,group,deployment,number]]}, "spec":{…}}
#   → {"id":1} | {"id":2, "missing":true} | {"id":2, "results":[{"text":"…"} | {"base64":"…"} | {"line":3,"message":"…"} …]}
#
# What a template sees is the original director's evaluation context (bosh: src/bosh-common/lib/bosh/common/template), under the same
# constant names, because templates and their error messages mention them.

require 'erb'
require 'json'
require 'ostruct'
require 'shellwords'
require 'yaml'
require 'base64'
require 'digest'
require 'fileutils'
require 'ipaddr'
require 'open3'
require 'pathname'
require 'pp'
require 'securerandom'
require 'set'
require 'stringio'
require 'tempfile'
require 'time'
require 'uri'
require 'zlib'

autoload :BigDecimal, 'bigdecimal'
autoload :CGI, 'cgi'
autoload :CSV, 'csv'
autoload :Net, 'net/http'
autoload :OpenSSL, 'openssl'
autoload :Resolv, 'resolv'
autoload :Socket, 'socket'

# The protocol keeps its own descriptors: a template, or a program it starts, that writes or reads must not disturb it.
PROTOCOL_IN = $stdin.dup
PROTOCOL_OUT = $stdout.dup
[PROTOCOL_IN, PROTOCOL_OUT].each { |io| io.close_on_exec = true; io.set_encoding(Encoding::UTF_8) }
$stdin.reopen(File::NULL)
$stdout.reopen($stderr)
PROTOCOL_OUT.sync = true

# `blank?`, `present?` and `presence` as ActiveSupport defines them; `require 'active_support'` finds them loaded.
class Object
  def blank? = respond_to?(:empty?) ? !!empty? : !self
  def present? = !blank?
  def presence = present? ? self : nil
end

class NilClass
  def blank? = true
  def present? = false
end

class FalseClass
  def blank? = true
  def present? = false
end

class TrueClass
  def blank? = false
  def present? = true
end

class Numeric
  def blank? = false
  def present? = true
end

class Time
  def blank? = false
  def present? = true
end

class String
  def blank? = empty? || match?(/\A[[:space:]]*\z/)
  def present? = !blank?
end

%w[active_support active_support/core_ext/object/blank active_support/core_ext/object].each do |feature|
  $LOADED_FEATURES << "#{feature}.rb"
end

module Bosh
  module Common
    module Template
      class EvaluationFailed < StandardError; end
      class InvalidPropertyType < StandardError; end

      class UnknownProperty < StandardError
        attr_reader :name

        def initialize(name)
          @name = name
          super("Can't find property '#{name}'")
        end
      end

      class UnknownLink < StandardError
        def initialize(name)
          super("Can't find link '#{name}'")
        end
      end

      # Dotted names in nested maps.
      module PropertyHelper
        def lookup_property(collection, name)
          return nil if collection.nil?

          name.split('.').reduce(collection) do |level, key|
            value = level[key]
            return nil if value.nil?

            value
          end
        end
      end

      # `p` and `if_p` over whatever `property_source` returns.
      module PropertyAccess
        include PropertyHelper

        def p(*args)
          names = Array(args[0])
          names.each do |name|
            value = lookup_property(property_source, name)
            return value unless value.nil?
          end
          return args[1] if args.length == 2

          raise UnknownProperty.new(names)
        end

        def if_p(*names)
          values = names.map { |name| lookup_property(property_source, name) }
          return EvaluationContext::ActiveElseBlock.new(self) if values.any?(&:nil?)

          yield(*values)
          EvaluationContext::InactiveElseBlock.new
        end
      end

      class EvaluationLinkInstance
        include PropertyAccess

        attr_reader :name, :index, :id, :az, :address, :properties, :bootstrap

        def initialize(entry)
          @name, @index, @id, @az, @address, @properties, @bootstrap =
            entry.values_at('name', 'index', 'id', 'az', 'address', 'properties', 'bootstrap')
        end

        private

        def property_source = @properties
      end

      class EvaluationLink
        include PropertyAccess

        attr_reader :instances, :properties

        def initialize(content, dns)
          @content = content
          @dns = dns
          @instances = content['instances'].map { |entry| EvaluationLinkInstance.new(entry) }
          @properties = content['properties']
        end

        def inspect = "#<#{self.class}>"

        def address(criteria = {})
          return @content['address'] if @content.key?('address')

          @dns.query(@content, criteria)
        end

        private

        def property_source = @properties
      end

      # DNS queries for the instances behind a link.
      class DnsNames
        STATUSES = { 'healthy' => 3, 'unhealthy' => 1, 'all' => 4, 'default' => 0 }.freeze
        CHECKS = { 'synchronous' => ['y1'], 'asynchronous' => ['y0'] }.freeze

        def initialize(ids)
          @azs = ids.fetch('azs', {})
          @networks = ids.fetch('networks', {})
          @groups = ids.fetch('groups', []).to_h { |type, group, deployment, number| [[type, group, deployment], number] }
        end

        def query(content, criteria)
          short = content.fetch('use_short_dns_addresses', false)
          first = criteria[:uuid].nil? || short ? "q-#{slug(content, criteria, short)}" : criteria[:uuid]
          [first, *(short ? short_group(content) : long_group(content)), content['domain']].join('.')
        end

        private

        def slug(content, criteria, short)
          parts = (criteria[:azs] || []).map { |name| name.nil? ? 'a' : "a#{number(@azs, name, 'AZ')}" }
          network = content['default_network']
          parts << "n#{number(@networks, network, 'Network')}" if short && !network.nil?
          parts.concat(CHECKS.fetch(criteria[:initial_health_check], []))
          parts << "s#{STATUSES.fetch(criteria[:status], 0)}"
          parts.sort.join
        end

        def number(table, name, kind)
          table.fetch(name) { raise "Unknown #{kind}: '#{name}'" }
        end

        def short_group(content)
          by_link = content.fetch('use_link_dns_names', false)
          key = by_link ? ['link', content['group_name']] : ['instance-group', content['instance_group']]
          "q-g#{@groups[[*key, content['deployment_name']]]}"
        end

        def long_group(content)
          group = content.fetch('use_link_dns_names', false) ? content['group_name'] : content['instance_group']
          [group, content['default_network'], content['deployment_name']].map { |text| canonical(text) }
        end

        def canonical(text)
          name = text.downcase.tr('_', '-').gsub(/[^a-z0-9\-]/, '')
          raise "Invalid DNS canonical name '#{name}', cannot start with a hyphen" if name.start_with?('-')
          raise "Invalid DNS canonical name '#{name}', cannot end with a hyphen" if name.end_with?('-')

          name
        end
      end

      class EvaluationContext
        include PropertyAccess

        # Lists its own keys as methods, which old templates walk through (`spec.networks.methods(false)`).
        class BackCompatOpenStruct < OpenStruct
          def methods(regular = true)
            regular ? super(regular) : marshal_dump.keys.map(&:to_sym)
          end
        end

        class ActiveElseBlock
          def initialize(context)
            @context = context
          end

          def else = yield
          def else_if_p(*names, &block) = @context.if_p(*names, &block)
          def else_if_link(name, &block) = @context.if_link(name, &block)
        end

        class InactiveElseBlock
          def else; end
          def else_if_p(*_names) = InactiveElseBlock.new
          def else_if_link(_name) = InactiveElseBlock.new
        end

        # Where templates are compiled, so that constants resolve from inside this class.
        def self.compile(source, filename)
          eval("proc {#{source}\n}", binding, filename, 0)
        end

        attr_reader :name, :index, :raw_properties

        # `without`: keys of the spec that the template surely does not look at; structs of large properties take long to build.
        def initialize(spec, dns, without: [])
          @name = spec['name']
          @index = spec['index']
          @whole = spec
          @without = without
          @raw_properties = spec['properties'] || {}
          @links = spec['links'] || {}
          @dns = dns
        end

        # Structs are built when asked for: most templates only call `p`.
        def spec
          @spec ||= openstruct(@whole.except(*@without), BackCompatOpenStruct)
        end

        def properties
          @properties ||= openstruct(@raw_properties, OpenStruct)
        end

        def get_binding = binding
        def inspect = "#<#{self.class}>"

        def link(name)
          content = lookup_property(@links, name)
          raise UnknownLink.new(name) unless content&.key?('instances')

          EvaluationLink.new(content, @dns)
        end

        def if_link(name)
          content = lookup_property(@links, name)
          return ActiveElseBlock.new(self) unless content&.key?('instances')

          yield EvaluationLink.new(content, @dns)
          InactiveElseBlock.new
        end

        private

        def property_source = @raw_properties

        def openstruct(value, kind)
          case value
          when Hash then kind.new(value.transform_values { |inner| openstruct(inner, kind) })
          when Array then value.map { |inner| openstruct(inner, kind) }
          else value
          end
        end
      end
    end
  end
end

class TemplateTimeout < Exception; end

# Interrupts the main thread when a template runs past its deadline; one thread for all templates.
class Watchdog
  PERIOD_S = 0.2

  def initialize(thread)
    @lock = Mutex.new
    @deadline = nil
    Thread.new { watch(thread) }
  end

  def guard(limit_s)
    @lock.synchronize { @limit_s, @deadline = limit_s, now + limit_s }
    yield
  ensure
    @lock.synchronize { @deadline = nil }
  end

  private

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

  def watch(thread)
    loop do
      sleep PERIOD_S
      @lock.synchronize do
        next unless @deadline && now > @deadline

        @deadline = nil
        thread.raise(TemplateTimeout, "took longer than #{@limit_s} seconds")
      end
    end
  end
end

# One template, compiled once.
class CompiledTemplate
  # `spec.WORD` with one of these reads that key and nothing else.
  SIMPLE_WORDS = %w[
    address az bootstrap deployment dns_domain_name id index ip job lifecycle name networks persistent_disk release
  ].freeze
  HEAVY_KEYS = %w[links properties].freeze

  # Keys of the spec that need no struct because every mention of `spec` in the text is a simple word.
  attr_reader :unused_keys

  def initialize(job, source, text)
    simple = text.scrub.scan(/\bspec\b(?:\.(\w+[?!]?))?/).all? { |(word)| SIMPLE_WORDS.include?(word) }
    @unused_keys = simple ? HEAVY_KEYS : []
    @filename = File.join(job, source)
    @erb_source = ERB.new(text, trim_mode: '-').src
    @body = Bosh::Common::Template::EvaluationContext.compile(@erb_source, @filename)
  rescue SyntaxError, StandardError => e
    @body = nil
    @broken = e
  end

  def render(context)
    return context.instance_exec(&@body) if @body
    raise @broken unless @erb_source

    # Compiled by itself the mistake is reported as the original does, without our wrapping.
    eval(@erb_source, context.get_binding, @filename, 0)
  end

  # [line or nil, message] of what a render raised.
  def describe(error)
    place = (error.backtrace || []).find { |entry| entry.include?(@filename) }
    [place && place.split(':')[1].to_i, error.is_a?(NameError) ? NameMistake.new(error).to_s : error.to_s]
  end
end

# "undefined method …" in the words of Ruby 3.4: older ones print the receiver with all its content, passwords too.
class NameMistake
  PATTERN = /\A((?:undefined|private|protected) (?:local variable or )?method) [`']([^']+)' ((?:called )?for) /

  def initialize(error)
    @error = error
  end

  def to_s
    found = PATTERN.match(@error.to_s)
    found ? "#{found[1]} '#{found[2]}' #{found[3]} #{receiver}" : @error.to_s
  end

  private

  def receiver
    case (object = @error.receiver)
    when nil, true, false then object.inspect
    when Class then "class #{object}"
    when Module then "module #{object}"
    else "an instance of #{object.class}"
    end
  rescue ArgumentError
    'an unknown receiver'
  end
end

class Driver
  CACHED_JOBS = 512

  def initialize
    @jobs = {}
    @watchdog = Watchdog.new(Thread.current)
  end

  def run
    while (line = PROTOCOL_IN.gets)
      request = JSON.parse(line, max_nesting: false)
      PROTOCOL_OUT.write(JSON.generate(reply(request)) << "\n")
    end
  end

  private

  def reply(request)
    return load_job(request) if request.key?('load')

    templates = @jobs.delete(request['render'])
    return { id: request['id'], missing: true } unless templates

    @jobs[request['render']] = templates
    { id: request['id'], results: render(templates, request) }
  end

  def load_job(request)
    @jobs.delete(@jobs.first[0]) if @jobs.size >= CACHED_JOBS
    @jobs[request['load']] = request['templates'].map do |source, text, packed|
      text = Base64.strict_decode64(text).force_encoding(Encoding::UTF_8) if packed
      CompiledTemplate.new(request['job'], source, text)
    end
    { id: request['id'] }
  end

  # A template may change what it sees; the next one starts from the original again.
  def render(templates, request)
    dns = Bosh::Common::Template::DnsNames.new(request['dns'] || {})
    packed = JSON.generate(request['spec'], max_nesting: 0)
    templates.map do |template|
      context = Bosh::Common::Template::EvaluationContext.new(JSON.parse(packed, max_nesting: false), dns, without: template.unused_keys)
      result(template, context, request['limit_s'])
    end
  end

  def result(template, context, limit_s)
    text = @watchdog.guard(limit_s) { template.render(context) }
    text = text.to_s.dup.force_encoding(Encoding::UTF_8)
    text.valid_encoding? ? { text: text } : { base64: Base64.strict_encode64(text) }
  rescue Exception => e
    raise if e.is_a?(SignalException)

    line, message = template.describe(e)
    { line: line || 0, message: message.dup.force_encoding(Encoding::UTF_8).scrub }
  end
end

Driver.new.run
